"""Trusted documents for tests, as the build tools of clients write them."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

SLUGS = "query Slugs { articles { nodes { slug } } }"
RELAY = "query RelaySlugs {\n  articles {\n    nodes {\n      slug\n      id\n    }\n  }\n}\n"
APOLLO = "query ApolloSlugs {\n  articles {\n    nodes {\n      slug\n    }\n  }\n}"
CODEGEN = "query CodegenSlugs { articles { nodes { slug title } } }"
SEVERAL = """query First { articles(first: 1) { nodes { slug } } }
query Count { articles { totalCount } }
"""
CHANGES = "subscription Follow { changes { slug } }\n"
RELAY_ID, APOLLO_ID, CODEGEN_ID = "0f343b0931126a20f133d67c2b018a3b", "apollo-latest", "a1b2c3d4"


def hash_of(text: str) -> str:
    """The SHA-256 hash of a document, by which clients name it."""
    return sha256(text.encode()).hexdigest()


def apollo_manifest(*operations: dict[str, Any]) -> str:
    """A manifest of Apollo's build tool."""
    value = {"format": "apollo-persisted-query-manifest", "version": 1, "operations": operations}
    return json.dumps(value, indent=2)


def write_documents(folder: Path) -> Path:
    """A folder with a manifest of each kind, and with plain documents."""
    folder.mkdir()
    (folder / "relay.json").write_text(json.dumps({RELAY_ID: RELAY}, indent=2))
    operation = {"id": APOLLO_ID, "name": "ApolloSlugs", "type": "query", "body": APOLLO}
    (folder / "apollo.json").write_text(apollo_manifest(operation))
    (folder / "codegen").mkdir()
    (folder / "codegen" / "persisted-documents.json").write_text(
        json.dumps({f"sha256:{hash_of(CODEGEN)}": CODEGEN, CODEGEN_ID: SLUGS})
    )
    (folder / "several.graphql").write_text(SEVERAL)
    (folder / "changes.gql").write_text(CHANGES)
    return folder
