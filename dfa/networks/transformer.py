"""A causal Transformer: tokens in, logits of the next token out."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import DTypeLike

from dfa.networks.network import Network
from dfa.stages.embedding import TiedHead, random_embedding
from dfa.stages.layers import Stage, random_linear
from dfa.stages.normalisation import layer_norm
from dfa.stages.residual import Order
from dfa.stages.transformer_block import transformer_block
from optics.validation import check_count

TOKEN_DEVIATION = 0.5
"""Standard deviation of the entries of the table of tokens, where the head does not use it."""

HEAD_GAIN = 0.3
"""Standard deviation of the first logits: small, so that the first loss is near log(tokens)."""


def causal_transformer(
    tokens: int,
    *,
    context: int,
    width: int,
    heads: int,
    blocks: int,
    order: Order = "post",
    activation: Literal["relu", "gelu"] = "relu",
    dropout: float = 0.0,
    tied: bool = False,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float32,
) -> Network:
    """Draw a causal Transformer: embedding, blocks of attention and feed-forward, head.

    Parameters
    ----------
    tokens : int
        Number of different tokens.
    context : int
        Tokens of a window.
    width : int
        Width of a token inside the network.
    heads : int
        Heads of each attention; divides the width.
    blocks : int
        Number of blocks, at least 1.
    order : {"post", "pre"}, optional
        Whether the layer norms stand behind the residuals, or before the branches; then one more stands before the
        head. Direct feedback works with the first: see the notes.
    activation : {"relu", "gelu"}, optional
        Activation of the feed-forward networks.
    dropout : float, optional
        Rate of the dropout at the end of each branch.
    tied : bool, optional
        Whether the head uses the table of the embedding (weight tying).
    rng : numpy.random.Generator
        Source of the weights.
    dtype : dtype, optional
        Floating type of the parameters: float32 is the working precision of training.

    Returns
    -------
    Network
        It takes codes of shape (window, context) and gives logits of shape (window * context, token). Blocks of the
        network are the Transformer's, the first with the embedding, the last with the head: feedback enters at the
        end of every Transformer block but the last.

    Raises
    ------
    ValueError
        If a number is out of range or the heads do not divide the width.

    Notes
    -----
    A layer norm behind the residual bounds what a block hands on, whatever its weights are. Without it the outputs
    of blocks that direct feedback teaches grow, a hundredfold within 500 steps, and drown what the last block adds:
    block DFA then ends behind training the last block alone, see ``benchmarks/README.md``.

    References
    ----------
    .. [1] Vaswani et al., Attention is all you need (2017). arXiv:1706.03762
    .. [2] Press and Wolf, Using the output embedding to improve language models (2017). arXiv:1608.05859
    """
    check_count("causal_transformer: blocks", blocks)
    # Tied, a token's own logit starts near deviation * width, since what comes out still resembles what went in: 1.
    deviation = 1 / width if tied else TOKEN_DEVIATION
    embedding = random_embedding(
        tokens, width, context=context, deviation=deviation, place_deviation=deviation / 5, rng=rng, dtype=dtype
    )
    stages: list[Stage] = [embedding]
    for _ in range(blocks):
        stages.append(
            transformer_block(
                width,
                heads=heads,
                context=context,
                order=order,
                activation=activation,
                dropout=dropout,
                rng=rng,
                dtype=dtype,
            )
        )
    if order == "pre":
        stages.append(layer_norm(width, dtype=dtype))
    head = random_linear(width, tokens, gain=HEAD_GAIN, rng=rng, dtype=dtype)
    stages.append(TiedHead(table=embedding.table) if tied else head)
    return Network(stages=tuple(stages), ends=tuple(range(1, blocks)))
