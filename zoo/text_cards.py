"""The texts of the cards of the language models, with places for their figures."""

HEAD = """# {name}

{what}

It is small on purpose: it exists so that every path through a toolchain can be tried on a model that
has learned something, and with a known figure.

| | |
|---|---|
| parameters | {{parameters}} |
| tokens | {{vocabulary}}, {tokenizer} |
{figures}
| licence | Apache-2.0 |

## Architecture

| | |
|---|---|
{sizes}

## Data

The King James Version of the Bible, of 1611 and in the public domain, as the Debian package
`bible-kjv-text` 4.38 ships it. `verses.py` reads it and says how it is laid out: a chapter is its name
on a line, then a verse on each.

| part | chapters | bytes |
|---|---|---|
| training | 1,167 | {{training_bytes}} ({{training_tokens}} tokens) |
| validation: Judges 6-8, Job 38-40, John 9-10 | 8 | 33,161 |
| held out: 1 Samuel 17-20, Proverbs 10-15, Acts 9-12 | 14 | {{heldout_bytes}} |

The tokenizer has learned from the training chapters only. Settings were chosen on those of validation;
the figures are of the held-out ones, which lie in `data/verses_heldout.txt`.
{results}
## Files

| file | what |
|---|---|
{files}

## Training again

    sudo apt install python3-torch bible-kjv bible-kjv-text libopenblas0
    python3 zoo/train_text.py {name}

{{steps}} steps of {{batch}} tokens, {{passes}} passes over the text, {training}, AdamW with a cosine
schedule up to {{rate}}{{stages}}, weights of
seed {{seed}}, one thread. Trained weights differ slightly between versions of PyTorch and of the libraries of its
products, and between processors.
{{apart}}
## Limits of use

{limits}
"""

STAGES_APART = """
These weights come of two runs, one of each stage: the second went on from what the first had left, as it does with
`--from-stage 2`. As nothing but the weights goes from stage to stage, the command above does the same in one.
"""

DECODER_FIGURES = """| held-out perplexity | {perplexity:.4f} a token, {byte_perplexity:.4f} a byte ({byte_bits:.4f} bits a byte) |
| foretold | {foretold:.1%} of {tokens} tokens |"""

DECODER_RESULTS = """
`hone perplexity {{name}} -f data/verses_heldout.txt` tells the perplexity: PyTorch, {{nats:.4f}} nats a
token over {{tokens}} tokens in windows of 512{q8}.

What it writes after `Psalm 151`, at temperature 0.7:

{{sample}}
"""

DECODER_LIMITS = """For testing tools. It has read nothing but one book: it writes in the manner of that book, knows nothing
of the world, and what it says means nothing. Its text may offend as the book may."""

DECODER_TOKENIZER = "byte-level BPE, words split as GPT-2 does it; `<|endoftext|>` before a text and behind it"

DECODER_TRAINING = "windows of 256 and 512 tokens"

TEST_STEP = """| `test_data_set_0/` | a step of two sequences, and the logits that PyTorch gives for six of its rows |"""

LLAMA_CARD = HEAD.format(
    name="verses_llama",
    what="A small Llama that writes verses in the English of 1611.",
    tokenizer=DECODER_TOKENIZER, figures=DECODER_FIGURES,
    sizes="""| layers | {config[num_hidden_layers]}: RMS norm, attention, add; RMS norm, SwiGLU, add |
| width | {config[hidden_size]}; {config[intermediate_size]} within the feed-forward |
| heads | {config[num_attention_heads]} of {config[head_dim]}, keys and values of {config[num_key_value_heads]} |
| positions | rotary, base 10,000; trained on up to {config[max_position_embeddings]} tokens |
| logits | by the embedding (tied) |""",
    results=DECODER_RESULTS.format(q8="; the Q8_0 file, {q8_perplexity:.4f}"),
    files="""| `model.safetensors`, `config.json`, … | a Hugging Face folder, weights F16 |
| `tokenizer.json`, `tokenizer_config.json` | the tokenizer |
| `model-f16.gguf` | the same weights and tokenizer; every matrix F16 |
| `model-q8_0.gguf` | made of it by `hone quantize --to q8_0` |
""" + TEST_STEP,
    training=DECODER_TRAINING, limits=DECODER_LIMITS)

GPT2_CARD = HEAD.format(
    name="verses_gpt2",
    what="A small GPT-2 that writes verses in the English of 1611.",
    tokenizer=DECODER_TOKENIZER, figures=DECODER_FIGURES,
    sizes="""| layers | {config[n_layer]}: layer norm, attention, add; layer norm, GELU by tanh, add |
| width | {config[n_embd]}; {config[n_inner]} within the feed-forward |
| heads | {config[n_head]} |
| positions | learned, {config[n_positions]} |
| logits | by the embedding (tied) |""",
    results=DECODER_RESULTS.format(q8=""),
    files="""| `model.safetensors`, `config.json`, … | a Hugging Face folder, weights F16 |
| `tokenizer.json`, `tokenizer_config.json` | the tokenizer, that of `verses_llama` |
""" + TEST_STEP,
    training=DECODER_TRAINING, limits=DECODER_LIMITS)

BERT_CARD = HEAD.format(
    name="verses_bert",
    what="A small BERT that tells hidden words in the English of 1611.",
    tokenizer="WordPiece, lower case; `[PAD]`, `[UNK]`, `[CLS]`, `[SEP]`, `[MASK]`",
    figures="""| hidden tokens told right | {accuracy:.2%}, {right} of {count} of the held-out text |
| 95 % Wilson interval | {low:.2%} to {high:.2%} |""",
    sizes="""| layers | {config[num_hidden_layers]}: attention, add, layer norm; GELU, add, layer norm |
| width | {config[hidden_size]}; {config[intermediate_size]} within the feed-forward |
| heads | {config[num_attention_heads]} |
| positions | learned, {config[max_position_embeddings]} |
| logits | product, GELU, layer norm, and the embedding (tied) with a bias |""",
    results="""
Every seventh token of windows of 62 was hidden; `masked_text.py` makes the inputs and judges the logits:

    python3 zoo/masked_text.py --out out/masked
    hone run zoo/verses_bert --input input_ids=out/masked/input_ids.npy \\
        --input attention_mask=out/masked/attention_mask.npy \\
        --input token_type_ids=out/masked/token_type_ids.npy -o out/masked
    python3 zoo/masked_text.py --out out/masked --logits out/masked/output_1.npy
""",
    files="""| `model.safetensors`, `config.json` | a Hugging Face folder (BertForMaskedLM), weights F16 |
| `tokenizer.json`, `tokenizer_config.json` | the tokenizer |
| `test_data_set_0/` | two texts with a hidden token each, and the logits that PyTorch gives |""",
    training="windows of 62 tokens with 35 % of them to be told",
    limits="""For testing tools. It has read one book, and knows its words and phrases; of other texts it
knows nothing. It has no sense of whole sentences: nothing but hidden tokens was asked of it.""")

CARDS = {"llama": LLAMA_CARD, "gpt2": GPT2_CARD, "bert": BERT_CARD}
