"""A model of a few thousand weights and its tokenizer, made here: nothing is loaded from anywhere."""

import json
import random
from pathlib import Path
from typing import Any

from calibrant.dialogue.asks import JUDGE
from calibrant.dialogue.scales import SCALES

TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def tokenizer() -> Any:
    """Any text can be read; what is always put is a few tokens, and digits are tokens of their own."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE())
    byte = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte])
    made.decoder = decoders.ByteLevel()
    put = [
        JUDGE,
        *(scale.instruction for scale in SCALES.values()),
        "Reply with the letter of the right option alone.",
    ]
    put += [
        "<|system|><|user|><|assistant|><question></question><answer></answer>",
        "lima LIMA oslo OSLO rome ROME kyiv KYIV",
    ]
    trainer = trainers.BpeTrainer(
        vocab_size=512, min_frequency=1, initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator(put * 20, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=made, chat_template=TEMPLATE)


def save(folder: Path, seed: int = 0, sure: float = 1.0) -> str:
    """A model of random weights in a folder, which is so many times as sure of the next token."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=512, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=1024, tie_word_embeddings=True,
    )  # fmt: skip
    made = LlamaForCausalLM(config)
    made.model.norm.weight.data *= sure
    made.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return str(folder)


def answers(path: Path, rows: int = 160, seed: int = 0) -> str:
    """Judged answers: those in capitals are mostly right."""
    draw = random.Random(seed)
    with path.open("w") as file:
        for i in range(rows):
            loud = draw.random() < 0.5
            word = draw.choice(["lima", "oslo"])
            right = draw.random() < (0.97 if loud else 0.1)
            said = " ".join([word.upper() if loud else word] * 8)  # much of what is read
            file.write(
                json.dumps({"question": f"q{i} {draw.random():.6f}?", "answer": said, "correct": right})
                + "\n"
            )
    return str(path)


def questions(path: Path, rows: int = 160, seed: int = 0) -> str:
    """Questions with four options, of which the one that is named is right."""
    draw = random.Random(seed)
    with path.open("w") as file:
        for i in range(rows):
            options = draw.sample(["red", "blue", "green", "black", "white"], 4)
            place = draw.randrange(4)
            text = f"n{i} {draw.random():.6f}: {'ABCD'[place]}?"
            file.write(json.dumps({"question": text, "options": options, "gold": "ABCD"[place]}) + "\n")
    return str(path)
