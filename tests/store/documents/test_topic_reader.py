"""The topic reader: topic files become one valid tree."""

from hypothesis import given
from hypothesis import strategies as st

from store.documents.diagnostics import DiagnosticCode
from store.documents.frontmatter import ParseOptions
from store.documents.topic_reader import build_topic_tree, is_topic_path, read_topic
from store.model import TopicDefinition


def topic(text):
    """Parse a topic file."""
    parse_result = read_topic("_data/topics/t.yaml", text.encode(), ParseOptions())
    assert parse_result.topic, parse_result.diagnostics
    return parse_result.topic


def tree(**parents):
    """The parents by slug, and the problems, of topics a, b… with these parents as written."""
    definitions = {
        f"_data/topics/{name}.yaml": TopicDefinition(slug=name, name=name.upper(), parent=parent)
        for name, parent in parents.items()
    }
    result = build_topic_tree(definitions, {path: {"parent": 3} for path in definitions})
    return {t.slug: t.parent for t in result.topics}, [
        (d.path[13:-5], d.code, d.line) for d in result.diagnostics
    ]


def test_read_topic_reads_name_slug_parent_and_keywords():
    """Known keys are read, the others are kept."""
    assert topic("name: Power Apps\nparent: All\nkeywords: [a, b, a]\nhashtags: ['#x']\n") == (
        TopicDefinition(
            slug="power-apps",
            name="Power Apps",
            parent="All",
            keywords=("a", "b"),
            metadata={"hashtags": ["#x"]},
        )
    )


def test_read_topic_takes_the_slug_from_slug_then_id_then_name():
    """Explicit values override values derived from the name."""
    assert topic("name: N\n_id: i\nslug: s\n").slug == "s"
    assert topic("name: N\n_id: i\n").slug == "i"
    assert topic("name: C++\n").slug == "c-plus-plus"
    assert topic("_id: i\n").name == "i"


def test_read_topic_refuses_a_topic_without_a_name():
    """A topic without name and slug is an error."""
    parse_result = read_topic("_data/topics/t.yaml", b"keywords: [a]\n", ParseOptions())
    assert parse_result.topic is None
    assert [d.code for d in parse_result.diagnostics] == [DiagnosticCode.MISSING_TITLE]


def test_is_topic_path_knows_the_tree():
    """The tree is YAML files below _data/topics of the folder itself."""
    assert is_topic_path("_data/topics/a.yaml")
    assert is_topic_path("_data/topics/sub/a.YML")
    assert not is_topic_path("_data/topics/a.md")
    assert not is_topic_path("sub/_data/topics/a.yaml")


def test_resolve_tree_finds_parents_by_name_or_slug():
    """A parent is written as people name it."""
    assert tree(a=None, b="A", c="b") == ({"a": None, "b": "a", "c": "b"}, [])


def test_resolve_tree_makes_roots_of_topics_with_unknown_parents():
    """An undefined parent is reported, and the topic is a root."""
    assert tree(a="zzz") == ({"a": None}, [("a", DiagnosticCode.UNKNOWN_PARENT, 3)])


def test_resolve_tree_cuts_cycles_at_the_first_topic():
    """A cycle is broken at its first topic by path, and reported."""
    parents, problems = tree(d="c", c="b", b="c", a="a")
    assert parents == {"a": None, "b": None, "c": "b", "d": "c"}
    assert sorted(problems) == [
        ("a", DiagnosticCode.TOPIC_CYCLE, 3),
        ("b", DiagnosticCode.TOPIC_CYCLE, 3),
    ]


def test_resolve_tree_refuses_a_second_topic_with_a_slug():
    """Of duplicate slugs the first file by path wins."""
    definitions = {
        f"_data/topics/{n}.yaml": TopicDefinition(slug="s", name=f"Name {n}") for n in (2, 1)
    }
    result = build_topic_tree(definitions, {path: {} for path in definitions})
    assert [t.name for t in result.topics] == ["Name 1"]
    (problem,) = result.diagnostics
    assert (problem.path, problem.code) == ("_data/topics/2.yaml", DiagnosticCode.DUPLICATE_SLUG)
    assert "_data/topics/1.yaml" in problem.message


@given(st.dictionaries(st.sampled_from("abcdef"), st.none() | st.sampled_from("abcdefg")))
def test_resolve_tree_always_gives_a_forest(parents):
    """Every chain of parents ends at a root, and no topic is lost."""
    resolved, _ = tree(**parents)
    assert resolved.keys() == parents.keys()
    for start in resolved:
        slug, steps = start, 0
        while slug is not None:
            slug, steps = resolved[slug], steps + 1
        assert steps <= len(resolved)
