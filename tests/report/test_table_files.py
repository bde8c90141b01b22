"""Tables as files: exact for programs, rounded for people, and nothing in them is run."""

from __future__ import annotations

import csv
import io

from fusionbench.report.document import Cell, Column, Table
from fusionbench.report.file_names import distinct_names
from fusionbench.report.latex import escaped, latex
from fusionbench.report.plain_tables import as_csv, as_markdown

TABLE = Table(
    "heads",
    "50 % & more",
    (Column("head", heads=True), Column("accuracy, %", number=True)),
    (
        (Cell("concat_mlp", strong=True), Cell("57.7 ± 1.2", 0.5770234987, strong=True)),
        (Cell("[a] | b\\c"), Cell("−3", -0.03)),
        (Cell("=1+1"), Cell("–", "")),
    ),
)


def test_latex_has_the_rules_of_booktabs_and_no_foreign_command():
    assert latex(TABLE) == (
        "% needs \\usepackage{booktabs}\n"
        "\\begin{table}\n"
        "\\centering\n"
        "\\caption{50 \\% \\& more}\n"
        "\\label{tab:heads}\n"
        "\\begin{tabular}{lr}\n"
        "\\toprule\n"
        "head & accuracy, \\% \\\\\n"
        "\\midrule\n"
        "\\textbf{concat\\_mlp} & \\textbf{57.7 $\\pm$ 1.2} \\\\\n"
        "{}[a] \\textbar{} b\\textbackslash{}c & $-$3 \\\\\n"
        "=1+1 & -- \\\\\n"
        "\\bottomrule\n"
        "\\end{tabular}\n"
        "\\end{table}\n"
    )


def test_every_special_letter_of_latex_is_text():
    assert escaped("\\input{x}$^_&%#~") == (
        "\\textbackslash{}input\\{x\\}\\$\\textasciicircum{}\\_\\&\\%\\#\\textasciitilde{}"
    )


def test_csv_is_exact_and_no_formula():
    names, *rows = csv.reader(io.StringIO(as_csv(TABLE)))
    assert names == ["head", "accuracy, %"]
    assert rows == [["concat_mlp", "0.5770234987"], ["[a] | b\\c", "-0.03"], ["'=1+1", ""]]


def test_markdown_is_a_table_whatever_the_names():
    assert as_markdown(TABLE) == (
        "50 % & more\n"
        "\n"
        "| head | accuracy, % |\n"
        "| --- | ---: |\n"
        "| **concat\\_mlp** | **57.7 ± 1.2** |\n"
        "| \\[a\\] \\| b\\\\c | −3 |\n"
        "| =1+1 | – |\n"
    )


def test_names_of_files_are_plain_and_distinct():
    assert distinct_names(["arpg", "ARPG", "a/b", "../x", "<>", "特征", "trs=3"]) == [
        "arpg",
        "arpg-2",
        "a-b",
        "x",
        "5",
        "6",
        "trs-3",
    ]
    assert len(distinct_names(["x" * 500])[0]) == 60
