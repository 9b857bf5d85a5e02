"""transformers' BertModel of MiniLM's size, its tokens averaged: texts as they come, padded to a batch's longest, or
texts of like lengths together. A step takes a fixed gradient of the averages back into all parameters."""

import torch
import transformers

import texts
from with_torch import start

ROWS, BATCHES, HIDDEN = 64, 4, 384


class Tower(torch.nn.Module):
    def __init__(self):
        super().__init__()
        config = transformers.BertConfig(vocab_size=texts.VOCAB, hidden_size=HIDDEN, num_hidden_layers=6,
                                         num_attention_heads=12, intermediate_size=4 * HIDDEN,
                                         max_position_embeddings=texts.LONGEST, type_vocab_size=1,
                                         hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
                                         attn_implementation="sdpa")
        self.bert = transformers.BertModel(config, add_pooling_layer=False)

    def forward(self, ids, mask):
        rows = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state
        weight = mask.unsqueeze(2).to(rows.dtype)
        return (rows * weight).sum(1) / weight.sum(1)


def open(variant, threads):
    start(threads)
    work, order = variant.split("_")
    batches = texts.batches(0, ROWS, BATCHES, by_length=order == "bucketed")
    tower = Tower().train(work == "step")
    upstream = 1e-3 * torch.randn(ROWS, HIDDEN)

    def step():
        for ids, mask in batches:
            tower.zero_grad()
            tower(ids, mask).backward(upstream)

    @torch.inference_mode()
    def inference():
        for ids, mask in batches:
            tower(ids, mask)

    return f"{order}, sdpa", step if work == "step" else inference
