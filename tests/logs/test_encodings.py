"""Text in the encodings in which spreadsheets of many countries save it, and files that are no logs."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from calibrant.errors import UnusableInput
from calibrant.logs.encodings import encoding_of
from calibrant.logs.tallies import read_log

TEXTS = [
    ("cp1252", "Größe;Straße;Öl;für;über;Äpfel"), ("cp1252", "café;réponse;déjà vu, là-bas;élève"),
    ("cp1252", "señor;año;¿qué?;información"), ("cp1252", "“quoted” – dash…"), ("cp1252", "Köln;Düsseldorf;München"),
    ("cp1251", "вопрос,ответ,оценка\nСтолица России?,Москва,верно"), ("cp1251", "ДА;НЕТ"),
    ("cp932", "質問,回答,正解\n日本の首都は?,東京,はい\n"), ("cp932", "モデル,スコア"),
    ("gb18030", "问题,回答,正确\n中国的首都是哪里?,北京,对"), ("gb18030", "得分,标签"),
    ("big5", "問題,回答,正確\n台灣的首都是哪裡?,台北,對"), ("cp949", "질문,답변,맞음\n한국의 수도는?,서울,맞음"),
    ("cp1253", "ερώτηση;απάντηση;σωστό\nΑθήνα;ναι"),
]  # fmt: skip


@pytest.mark.parametrize(("encoding", "text"), TEXTS, ids=lambda one: one[:12])
def test_the_encoding_is_that_whose_letters_are_common(encoding: str, text: str) -> None:
    assert encoding_of(text.encode(encoding)) == encoding


@pytest.mark.parametrize(
    ("encoding", "header", "words", "says"),
    [
        ("gb18030", "置信度,是否正确", ("是", "否"), "GB 18030"),
        ("cp1251", "уверенность,верно", ("да", "нет"), "Cyrillic"),
    ],
)
def test_its_columns_and_verdicts_are_read(
    encoding: str, header: str, words: tuple[str, str], says: str, tmp_path: Path
) -> None:
    rows = "".join(f"0.{5 + i % 5},{words[i % 2]}\n" for i in range(20))
    (tmp_path / "a.csv").write_text(f"{header}\n{rows}", encoding=encoding)
    log = read_log(tmp_path / "a.csv")
    assert (log.groups[()].rows, log.groups[()].accuracy) == (20, 0.5)
    assert any(says in note for note in log.notes)


class Touches:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path(self.path),)  # type: ignore[return-value]


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    for name in ("a.pkl", "a.csv", "a.parquet"):
        (tmp_path / name).write_bytes(pickle.dumps(Touches(tmp_path / "ran")))
        with pytest.raises(UnusableInput):
            read_log(tmp_path / name)
    with pytest.raises(
        UnusableInput, match=r"is a pickle, which runs what its writer put into it.*read_pickle"
    ):
        read_log(tmp_path / "a.pkl")
    assert not (tmp_path / "ran").exists()
    (tmp_path / "b.pkl").write_bytes(pickle.dumps([1], protocol=0))
    with pytest.raises(UnusableInput, match="is a pickle"):
        read_log(tmp_path / "b.pkl")


def test_a_header_that_begins_as_some_pickles_do_is_a_header(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("(dpo score),confidence,correct\n1,.5,1\n2,.6,0\n")
    assert read_log(tmp_path / "a.csv").groups[()].rows == 2


def test_what_holds_data_and_is_no_log_says_how_to_make_one(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((2, 2)))
    np.savez(tmp_path / "a.npz", confidence=np.zeros(2))
    (tmp_path / "a.xls").write_text("<table><tr><th>confidence</th></tr></table>")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("one.csv", "confidence,correct\n")
        archive.writestr("two.csv", "confidence,correct\n")
    says = {"npy": r"an array of NumPy.*numpy\.load", "npz": "arrays of NumPy", "xls": r"web page.*read_html",
            "zip": r"holds 2 files: one\.csv, two\.csv\. Unpack it"}  # fmt: skip
    for ending, said in says.items():
        with pytest.raises(UnusableInput, match=said):
            read_log(tmp_path / f"a.{ending}")


def test_numbers_of_16_bits(tmp_path: Path) -> None:
    frame = pd.DataFrame({"confidence": np.array([0.5, 0.75], np.float16), "correct": [1, 0]})
    frame.to_feather(tmp_path / "a.feather")
    assert read_log(tmp_path / "a.feather").groups[()].mean_confidence == 0.625
