"""Shell queries in one script: all answers of a device in one round trip."""

from collections.abc import Mapping

MARK = "@@ofabench"
# Answers for files: their name and first line, without a process for each of them. The shells are
# mksh (Android 5 and later), dash, bash and busybox; nothing beyond POSIX is used.
PRELUDE = """\
first() { for f; do v=; if IFS= read -r v < "$f" || [ -n "$v" ]; then echo "$f $v"; fi; done; }"""


def script(queries: Mapping[str, str]) -> str:
    """Return a script that runs shell commands, each answer after a mark with the query's name.

    A command that fails, or is missing, has an empty answer. `first FILE...` prints each file's
    name and first line.
    """
    lines = [PRELUDE]
    for name, command in queries.items():
        lines += [f"echo; echo '{MARK} {name}'", f"{{ {command}; }} 2>/dev/null </dev/null"]
    return "\n".join([*lines, f"echo; echo '{MARK} end'", "exit 0"])


def answers(text: str) -> dict[str, str]:
    """Split the output of a `script`; a query without an answer is left out."""
    lines_of: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        mark, _, name = line.partition(" ")
        if mark == MARK and name:
            lines = lines_of.setdefault(name, [])
        else:
            lines.append(line)
    joined = {name: "\n".join(lines).strip("\n") for name, lines in lines_of.items()}
    return {name: answer for name, answer in joined.items() if answer}


def file_lines(answer: str) -> dict[str, str]:
    """Parse the output of `first`: content by path."""
    pairs = (line.partition(" ") for line in answer.splitlines())
    return {path: content.strip() for path, _, content in pairs if path.startswith("/")}


def pairs(text: str) -> dict[str, str]:
    """Parse `name: value` lines; of repeated names, the first."""
    values: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            values.setdefault(name.strip(), value.strip())
    return values
