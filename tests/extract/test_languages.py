"""Languages of prompts by their function words, and the buckets of single words."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from stillhunt.base.config import Config
from stillhunt.base.schema import REQUESTS
from stillhunt.extract import languages_of, sketch_requests, word_buckets
from stillhunt.extract.languages import LANGUAGES
from stillhunt.extract.lexicon import lexicon_file

SENTENCES = {
    "English": "What would you do with the old house if it were yours, and why?",
    "Spanish": "¿Qué harías tú con esta casa vieja si fuera tuya, y por qué no la vendes?",
    "German": "Was würdest du mit dem alten Haus machen, wenn es dir gehörte, und warum?",
    "French": "Que ferais-tu de cette vieille maison si elle était à toi, et pourquoi pas une autre ?",
    "Portuguese": "O que você faria com essa casa velha se ela fosse sua, e por que não a vende?",
    "Russian": "Что бы ты сделал с этим старым домом, если бы он был твоим, и почему?",
    "Arabic": "ماذا كنت ستفعل في هذا البيت القديم لو كان لك، ولماذا لا تبيع ما عندك من هذه؟",
    "Chinese": "如果这座老房子是你的，你会怎么处理它？为什么？",
    "Japanese": "この古い家があなたのものだったら、どうしますか。",
    "Korean": "이 오래된 집이 당신의 것이라면 어떻게 하겠습니까?",
    "Thai": "ถ้าบ้านเก่าหลังนี้เป็นของคุณ คุณจะทำอย่างไร",
    "Greek": "Τι θα έκανες με αυτό το παλιό σπίτι;",
}


@pytest.mark.parametrize("language", SENTENCES)
def test_a_sentence_tells_its_language(language: str) -> None:
    text = SENTENCES[language]
    assert languages_of([text, text.upper()]) == [language, language]


@pytest.mark.parametrize(
    "text",
    [None, "", "12 + 30 = 42", "f(d, s, t) = d * s - t", "Kubernetes Terraform Ansible Grafana Prometheus", "the"],
)
def test_figures_names_and_single_words_tell_none(text: str | None) -> None:
    assert languages_of([text]) == [None]


def test_a_wrapper_in_another_language_counts_by_its_length() -> None:
    item = " ".join([SENTENCES["German"]] * 5)
    assert languages_of([f"Answer the following: {item}"]) == ["German"]


def test_a_script_counts_by_its_letters_however_few_differ() -> None:
    assert languages_of(["abcdefghijklmnopqrstuvwxyz " + "好" * 20, "abcdefghijklmnopqrstuvwxyz " * 20 + "好人"]) == [
        "Chinese",
        None,
    ]


def test_only_the_beginning_of_a_prompt_is_read() -> None:
    text = " ".join([SENTENCES["English"]] * 100)
    assert languages_of([text + SENTENCES["Chinese"] * 1000]) == ["English"]


def test_every_stop_list_has_a_name() -> None:
    assert set(lexicon_file("stop_words")) == set(LANGUAGES) - {"el", "he"}


def test_a_word_has_the_bucket_that_the_sketch_of_a_prompt_has() -> None:
    words = ["derivative", "Integral", "微积"]
    prompt = "Find the derivative and the integral 微积"
    table = REQUESTS.build(
        request_id=["r"],
        timestamp=pa.array([0], pa.int64()).cast(REQUESTS.arrow.field("timestamp").type),
        account_id=["a"],
        model=["m"],
        source=["s"],
        prompt=[prompt],
        origin_file=[0],
        origin_row=[0],
    )
    (buckets,) = sketch_requests(table, Config())["topic_words"].to_pylist()
    assert set(word_buckets(words).tolist()) <= set(buckets)
    assert len(set(word_buckets(words).tolist())) == 3


def test_words_that_show_no_topic_have_no_bucket() -> None:
    assert word_buckets(["the", "42", "", "two words"]).tolist() == [-1, -1, -1, -1]
    assert word_buckets([]).dtype == np.int32
