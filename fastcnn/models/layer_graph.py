"""The calls of layers between symbolic inputs and outputs, in the order in which they run.

The order of `layers`, which decides the order of weights, of configs and of the summary, is that of
Keras: layers by their distance from the outputs, those of one distance in the order in which a
search from the outputs finds them.
"""

from collections import defaultdict

from fastcnn.core.nested import replace
from fastcnn.layers.symbolic import Node


class LayerGraph:
    """The graph between some symbolic tensors.

    Args:
        inputs, outputs: lists of symbolic tensors.

    Attributes:
        nodes: the calls, each after those that it depends on.
        layers: the layers, from inputs to outputs.
        is_chain: whether each layer is called once, on what the one before returns.

    Raises:
        ValueError: an output depends on something that is not among the inputs.
    """

    def __init__(self, inputs, outputs):
        self.inputs, self.outputs = list(inputs), list(outputs)
        self.nodes, found = self._search()
        self.layers, self.is_chain = self._order(found)
        self._nodes_of = defaultdict(list)
        for node in self.nodes:
            self._nodes_of[id(node.layer)].append(node)

    def nodes_of(self, layer):
        """The calls of a layer in this graph, in the order in which they were made."""
        own = self._nodes_of.get(id(layer), ())
        return [node for node in layer.nodes if any(node is other for other in own)]

    def _search(self):
        """(nodes in an order in which they can run, {layer: rank in the order of discovery})."""
        given = {tensor.key for tensor in self.inputs}
        nodes, found, done = [], {}, set()
        stack = self.outputs[::-1]
        while stack:
            tensor = stack.pop()
            if isinstance(tensor, Node):  # all that it depends on has been added
                if id(tensor) not in done:
                    done.add(id(tensor))
                    nodes.append(tensor)
                continue
            node = tensor.node
            if id(node) in done:
                continue
            found.setdefault(node.layer, len(found))
            if tensor.key in given:
                if node.is_input:
                    done.add(id(node))
                    nodes.append(node)
                continue
            if node.is_input:
                raise ValueError(
                    f"The outputs depend on the input {tensor.name!r}, which is not among the "
                    f"`inputs` of the model: {[other.name for other in self.inputs]}."
                )
            stack.append(node)
            stack.extend(reversed(node.tensors))
        for tensor in self.inputs:
            node = tensor.node
            if node.is_input and id(node) not in done:  # no output depends on it
                done.add(id(node))
                found[node.layer] = -1
                nodes.append(node)
        return nodes, found

    def _order(self, found):
        """(the layers by decreasing distance from the outputs, then by discovery; `is_chain`)."""
        distance, of_layer = {}, {}
        for node in reversed(self.nodes):
            depth = max(distance.get(id(node), 0), of_layer.get(node.layer, 0))
            if found[node.layer] < 0:
                depth = 0
            distance[id(node)] = of_layer[node.layer] = depth
            for tensor in node.tensors:
                before = id(tensor.node)
                distance[before] = max(distance.get(before, 0), depth + 1)
        is_chain = (
            len({distance[id(node)] for node in self.nodes}) == len(self.nodes) == len(of_layer)
            and all(len(node.tensors) <= 1 for node in self.nodes)
        )  # fmt: skip
        layers = sorted(of_layer, key=lambda layer: (-of_layer[layer], found[layer]))
        # Keras's order; a layer that is called twice moves its averages in this order
        rank = {key: index for index, key in enumerate(distance)}
        self.nodes.sort(key=lambda node: (-distance[id(node)], rank[id(node)]))
        return layers, is_chain

    def run(self, inputs, call):
        """The values of the outputs, given those of the inputs.

        Args:
            inputs: the value of each input.
            call: function of (node, arguments) that returns the list of a node's outputs; its
                arguments are a value, or a tuple of values if the layer is called on a list.
        """
        values = dict(zip((tensor.key for tensor in self.inputs), inputs, strict=True))
        for node in self.nodes:
            if node.is_input:
                continue
            arguments = tuple(values[tensor.key] for tensor in node.tensors)
            if not node.takes_list:
                (arguments,) = arguments
            for index, value in enumerate(call(node, arguments)):
                values[id(node), index] = value
        return [values[tensor.key] for tensor in self.outputs]


def copy_from(graph, replacements):
    """The outputs of a graph, computed from other tensors by new calls of the same layers.

    Args:
        replacements: {key of an input: the symbolic tensor to use instead}.
    """
    new = dict(replacements)
    for node in graph.nodes:
        if node.is_input or not any(tensor.key in new for tensor in node.tensors):
            continue
        arguments = replace(
            node.arguments,
            lambda leaf: new.get(leaf.key, leaf) if hasattr(leaf, "key") else leaf,
        )
        tensors = [new.get(tensor.key, tensor) for tensor in node.tensors]
        copy = Node(node.layer, arguments, tensors, node.output_shapes, node.training)
        for index, tensor in enumerate(copy.outputs):
            new[id(node), index] = tensor
    return [new.get(tensor.key, tensor) for tensor in graph.outputs]
