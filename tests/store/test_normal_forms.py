"""Normal forms: equal for equal texts, idempotent, and computed in linear time."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.normal_forms import fold, fold_name, fold_without_accents, nfc, remove_accents

FORMS = [nfc, fold, fold_without_accents, remove_accents, fold_name]


@pytest.mark.parametrize("form", FORMS)
@given(text=st.text())
def test_form_is_the_same_for_all_encodings_of_a_text(form, text):
    """A text, its composed and its decomposed form have one normal form, which is its own."""
    normal = form(text)
    assert form(unicodedata.normalize("NFD", text)) == form(unicodedata.normalize("NFC", text))
    assert form(unicodedata.normalize("NFC", text)) == normal
    assert form(normal) == normal


@given(st.text())
def test_fold_ignores_case(text):
    """A text in lower case has the same folded form as the text."""
    assert fold(text.casefold()) == fold(text)


@given(st.text(st.characters(max_codepoint=127)))
def test_ascii_texts_are_only_folded(text):
    """Of ASCII texts the forms are those of earlier releases."""
    assert fold(text) == fold_without_accents(text) == text.casefold()
    assert nfc(text) == remove_accents(text) == text


@pytest.mark.parametrize("form", FORMS)
def test_long_texts_have_the_form_of_their_words(form):
    """A long text is normalized in pieces, with the same result."""
    word = "E\u0301te\u0301 \uff37ort "
    assert form(word * 500).split() == [form(each) for each in (word * 500).split()]


@pytest.mark.parametrize("form", FORMS)
def test_marks_in_a_row_take_linear_time(form):
    """A hostile text is normalized in linear time: alternating marks would be quadratic."""
    text = "a" + "\u0316\u0300" * 100_000
    started = time.process_time()
    form(text)
    assert time.process_time() - started < 2
