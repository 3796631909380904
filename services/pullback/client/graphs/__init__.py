"""Graphs of evaluations for other tools: pictures, documents, and graphs of networkx.

`to_networkx` and `to_graphml` need networkx (``pip install 'pullback[graph]'``), and `to_svg` Graphviz.
"""

from pullback.client.graphs.documents import FORMATS, from_json, to_json, written
from pullback.client.graphs.dot import to_dot, to_svg
from pullback.client.graphs.mermaid import to_mermaid
from pullback.client.graphs.network import to_graphml, to_networkx
from pullback.client.graphs.pairs import Graph, pair
from pullback.client.graphs.words import node_title

__all__ = [
    "FORMATS",
    "Graph",
    "from_json",
    "node_title",
    "pair",
    "to_dot",
    "to_graphml",
    "to_json",
    "to_mermaid",
    "to_networkx",
    "to_svg",
    "written",
]
