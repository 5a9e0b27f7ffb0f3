"""The inverted index: which changes of articles change its terms."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from store.engines.indexed.index import add_terms
from store.engines.indexed.ordinals import IndexChange
from store.model import Article
from store.querying.filter_fields import index_terms
from tests.support.store_strategies import articles


@given(articles, articles, st.sampled_from(Article.__struct_fields__))
def test_change_of_terms_is_noticed_whichever_field_it_is(before, other, field):
    """An edit in place keeps posting lists, so every field that terms depend on is compared."""
    after = msgspec.structs.replace(before, **{field: getattr(other, field)})
    change = add_terms(IndexChange(before, after, 0, 0), {})
    if index_terms(before, {}) != index_terms(after, {}):
        assert not change.is_in_place_edit
        assert change.new_terms == index_terms(after, {})
