"""Judge predictors of models on a session that they were not fitted on; write a Markdown table.

python -m experiments.model_corpus.judge --corpus CORPUS --run RUN [--runtime tflite] [--out F]
                                         [--level models] [--chosen-on EARLIER_RUN]

The machine's speed differs between the sessions. It is taken off as the reference workloads show
it, or, with `--level models`, as the models of all other families do: the median ratio of their
two measurements, which are more than references and like what is predicted. `--chosen-on` adds a
column of the models that an earlier run did not measure, on which the predictors were designed.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

import ofabench as ob
from bench.errors import InputError, OfabenchError
from experiments.model_corpus.corpus import RUNTIMES, kept, rows_of
from experiments.model_corpus.figures import (
    Errors,
    Predicted,
    Subject,
    by_constant,
    by_macs,
    by_work,
    errors_of,
    folds_of,
    left_out,
    table,
)
from experiments.model_corpus.operator_sums import OperatorSums
from experiments.model_corpus.sessions import Levels, Session, session_of

FOLDS = 8
SMALL_MS = 5.0
Estimator = Callable[[Sequence[Subject], Sequence[Subject]], Predicted]


def main() -> int:
    parser = argparse.ArgumentParser(description="Judge predictors of models.")
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--runtime", choices=RUNTIMES, default="onnx")
    parser.add_argument("--level", choices=("references", "models"), default="references")
    parser.add_argument("--chosen-on", type=Path, help="a run on which choices were made")
    parser.add_argument("--out", type=Path, help="Markdown file to write")
    args = parser.parse_args()
    try:
        seen = models_of(args.chosen_on, args.runtime)
        lines = judged(args.corpus, args.run, args.runtime, args.level, seen)
    except OfabenchError as error:
        print(error, file=sys.stderr)
        return 2
    text = "\n".join(lines) + "\n"
    print(text)
    if args.out is not None:
        args.out.write_text(text, encoding="utf-8")
    return 0


def judged(
    corpus: Path, run: Path, runtime: str, level_by: str, seen: frozenset[str] = frozenset()
) -> list[str]:
    """Return the figures of a runtime as lines of Markdown; models beyond `seen` also apart."""
    paths = {name: kept(run, runtime, name) for name in ("fit", "judge")}
    fitted, judging = (session_of(paths[name]) for name in ("fit", "judge"))
    families = {name: row.family for name, row in rows_of(corpus).items()}
    levels = Levels.of(fitted, judging, families, level_by)
    sums = sums_of(paths["fit"])
    subjects = subjects_of(corpus, fitted, judging, levels, sums)
    known = [each for each in subjects if each.role != "fresh"]
    fresh = [each for each in subjects if each.role == "fresh"]
    folds = folds_of([each.family for each in known], FOLDS)
    estimators: dict[str, Estimator] = {}
    if sums is not None:
        estimators |= {
            "operators, all measured": sums.measured,
            "operators, those of other models measured": sums.shared,
            "operators, none of the model's measured": sums.guessed,
            "non-negative regression on work by kind of operator": by_work,
        }
    estimators |= {"MACs alone": by_macs, "a constant": by_constant}
    rows = {}
    for name, estimator in estimators.items():
        out = left_out(known, folds, estimator)
        out |= estimator(known, fresh) if fresh else {}
        rows[name] = grouped(out, known, fresh, seen)
    rows["the same models measured in another process"] = grouped(
        {each.name: each.fit_ms for each in subjects}, known, fresh, seen
    )
    return [
        *heading(runtime, subjects, fitted, judging, levels),
        *([] if sums is None else [f"Operators measured: {sums.count}.", ""]),
        *(f"{name}: `{summary(path)}`" for name, path in paths.items()),
        "",
        *table(rows),
        "",
        *worst(rows, estimators, known, fresh, folds),
    ]


def models_of(run: Path | None, runtime: str) -> frozenset[str]:
    """Return the names of the models that a run measured; none for no run."""
    return frozenset() if run is None else frozenset(session_of(kept(run, runtime, "fit")).models)


def grouped(
    predicted: Predicted,
    known: Sequence[Subject],
    fresh: Sequence[Subject],
    seen: frozenset[str],
) -> dict[str, Errors | None]:
    """Return the errors of families left out, fresh models, small ones, and those not `seen`."""
    small = [each for each in (*known, *fresh) if each.judge_ms < SMALL_MS]
    new = [each for each in (*known, *fresh) if each.name not in seen] if seen else []
    apart = {f"never used for choices ({len(new)})": errors_of(predicted, new)} if new else {}
    return {
        f"families left out ({len(known)})": errors_of(predicted, known),
        f"fresh families ({len(fresh)})": errors_of(predicted, fresh),
        f"under {SMALL_MS:g} ms ({len(small)})": errors_of(predicted, small),
        **apart,
    }


def worst(
    rows: dict[str, dict[str, Errors | None]],
    estimators: dict[str, Estimator],
    known: Sequence[Subject],
    fresh: Sequence[Subject],
    folds: Sequence[frozenset[str]],
) -> list[str]:
    """Name the models with the largest errors of the first predictor."""
    name = next(iter(rows))
    predicted = left_out(known, folds, estimators[name])
    predicted |= estimators[name](known, fresh) if fresh else {}
    judged_ms = {each.name: each.judge_ms for each in (*known, *fresh)}
    errors = {model: ms / judged_ms[model] - 1 for model, ms in predicted.items()}
    largest = sorted(errors.items(), key=lambda item: -abs(item[1]))[:8]
    words = ", ".join(f"{model} {error:+.1%}" for model, error in largest)
    return [f'Largest errors of "{name}": {words}.']


def heading(
    runtime: str,
    subjects: Sequence[Subject],
    fitted: Session,
    judging: Session,
    levels: Levels,
) -> list[str]:
    """Print what was measured, where and when."""
    facts = {key: fitted.facts.get(key) for key in ("cpu", "cpu_model", "model", "cores", "kernel")}
    ms = np.array([each.judge_ms for each in subjects])
    families = len({each.family for each in subjects})
    return [
        f"## {runtime}: {len(subjects)} models of {families} families",
        "",
        f"Fitted on {fitted.started_at}, judged on {judging.started_at}; "
        f"{ {key: value for key, value in facts.items() if value is not None} }.",
        f"Latencies {ms.min():.2g} to {ms.max():.3g} ms, median {np.median(ms):.3g} ms. "
        f"{levels.sentence()}",
        "Cells: within 5 % / within 10 %, mean error (median signed error).",
        "",
    ]


def summary(path: Path) -> str:
    """Return the counts and seconds that `measure` noted."""
    noted = path.with_suffix(".json")
    return noted.read_text(encoding="utf-8") if noted.exists() else ""


def sums_of(path: Path) -> OperatorSums | None:
    """Return the predictor from operators; None where the session measured none."""
    try:
        return OperatorSums(ob.fit_models(path))
    except InputError:
        return None


def subjects_of(
    corpus: Path, fitted: Session, judging: Session, levels: Levels, sums: OperatorSums | None
) -> list[Subject]:
    """Return the models that both sessions measured."""
    subjects = []
    for name, row in rows_of(corpus).items():
        if name in fitted.models and name in judging.models:
            work = sums.work(name) if sums is not None else {}
            macs = sum(each[1] for each in work.values()) or row.macs
            subjects.append(
                Subject(
                    name=name,
                    family=row.family,
                    role=row.role,
                    fit_ms=fitted.models[name],
                    judge_ms=judging.models[name] / levels.by_family[row.family],
                    macs=macs,
                    work=work,
                )
            )
    return subjects


if __name__ == "__main__":
    sys.exit(main())
