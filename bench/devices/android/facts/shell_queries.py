"""Shell queries in one script: all answers of a phone in one round trip."""

from collections.abc import Mapping

MARK = "@@ofabench"
# Answers for files: their name and first line, without a process for each of them. The shells
# are mksh (Android 5 and later) and whatever a test's phone has; nothing beyond POSIX is used.
PRELUDE = """\
first() { for f; do v=; if IFS= read -r v < "$f" || [ -n "$v" ]; then echo "$f $v"; fi; done; }"""


def script(questions: Mapping[str, str]) -> str:
    """Put shell commands after each other, each answer after a mark with the question's name.

    A command that fails, or is not there, answers with nothing. `first FILE...` gives each file's
    name and first line.
    """
    lines = [PRELUDE]
    for name, command in questions.items():
        lines += [f"echo; echo '{MARK} {name}'", f"{{ {command}; }} 2>/dev/null </dev/null"]
    return "\n".join([*lines, f"echo; echo '{MARK} end'", "exit 0"])


def answers(text: str) -> dict[str, str]:
    """Split what a `script` wrote; a question without an answer is not in it."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        mark, _, name = line.partition(" ")
        if mark == MARK and name:
            lines = found.setdefault(name, [])
        else:
            lines.append(line)
    joined = {name: "\n".join(lines).strip("\n") for name, lines in found.items()}
    return {name: answer for name, answer in joined.items() if answer}


def file_lines(answer: str) -> dict[str, str]:
    """Read what `first` gave: content by path."""
    pairs = (line.partition(" ") for line in answer.splitlines())
    return {path: content.strip() for path, _, content in pairs if path.startswith("/")}
