"""The SSH connection, with a real server on loopback: commands, files, failures, reconnecting."""

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bench.devices.remote.connection import DeviceFullError, PushFile, UnauthorizedError
from bench.devices.ssh.address import SshAddress
from bench.devices.ssh.command import session_command
from bench.devices.ssh.transport import RESUMED_BYTES, SshTimeouts, SshTransport
from bench.errors import DeviceError, DeviceLostError, InputError, MissingRuntimeError
from tests.support.ssh_server import ALIAS, NoServerError, ServerOptions, SshServer

QUICK = SshTimeouts(connect_s=5.0, login_s=20.0, answer_s=10.0, reconnect_s=20.0)
AWKWARD_WORDS = ["a b", "", "it's", '"$HOME"', "`id`", "$(id)", "\\", "x\ny", "*", "-n", "é"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    try:
        with SshServer(tmp_path_factory.mktemp("ssh") / "server") as server:
            yield server
    except NoServerError as why:
        pytest.skip(f"no SSH server: {why}")


@pytest.fixture
def connection(server: SshServer) -> Iterator[SshTransport]:
    with closing(connect(server)) as connection:
        yield connection


def connect(server: SshServer, address: SshAddress | None = None) -> SshTransport:
    return SshTransport.connect(address or server.address, config=server.config, timeouts=QUICK)


def test_every_word_of_a_command_arrives_unchanged(connection: SshTransport) -> None:
    result = connection.run(["printf", "%s|", *AWKWARD_WORDS])

    assert result.out.decode() == "".join(f"{word}|" for word in AWKWARD_WORDS)
    assert (result.status, result.err) == (0, b"")


def test_a_command_gives_status_output_and_errors(connection: SshTransport) -> None:
    result = connection.run(["sh", "-c", "cat; echo bad >&2; exit 255"], stdin=b"x\0y\n")

    assert (result.status, result.out, result.err) == (255, b"x\0y\n", b"bad\n")


def test_a_signal_is_128_plus_its_number(connection: SshTransport) -> None:
    assert connection.run(["sh", "-c", "kill -9 $$"]).status == 137


def test_a_command_that_is_not_there_ends_with_127(connection: SshTransport) -> None:
    result = connection.run(["no-such-program"])

    assert result.status == 127
    assert b"not found" in result.err


def test_output_larger_than_any_pipe_arrives_while_input_is_written(
    connection: SshTransport,
) -> None:
    data = os.urandom(1 << 20)

    assert connection.run(["cat"], stdin=data).out == data


def test_a_process_is_written_and_read_line_by_line(connection: SshTransport) -> None:
    with connection.start(["sh", "-c", "while read -r x; do echo got $x; done; printf end"]) as it:
        it.write(b"1\n2\n")
        lines = [it.read_line(10.0), it.read_line(10.0)]
        it.close_stdin()
        lines += [it.read_line(10.0), it.read_line(10.0)]

    assert lines == [b"got 1\n", b"got 2\n", b"end", None]
    assert it.status == 0


def test_a_closed_process_ends_there(server: SshServer, connection: SshTransport) -> None:
    before = set(server.programs())
    process = connection.start(["sh", "-c", "echo up; cat; echo down"])
    assert process.read_line(10.0) == b"up\n"
    process.close()
    process.close()

    for _ in range(500):
        if set(server.programs()) <= before:
            return
        threading.Event().wait(0.02)
    raise AssertionError("the program still runs")


def test_silence_is_a_lost_connection(connection: SshTransport) -> None:
    with pytest.raises(DeviceLostError, match=r"did not end within 0\.1 s"):
        connection.run(["cat", "/dev/zero"], timeout_s=0.1)
    with (
        connection.start(["cat"]) as process,
        pytest.raises(DeviceLostError, match=r"wrote no line for 0\.05 s"),
    ):
        process.read_line(0.05)


def test_a_program_that_reads_nothing_does_not_block_for_ever(server: SshServer) -> None:
    timeouts = SshTimeouts(answer_s=0.3)
    with (
        closing(
            SshTransport.connect(server.address, config=server.config, timeouts=timeouts)
        ) as connection,
        connection.start(["sleep", "20"]) as process,
        pytest.raises(DeviceLostError, match=r"took no data for 0\.3 s"),
    ):
        process.write(bytes(1 << 24))


def test_files_are_pushed_and_pulled(connection: SshTransport, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "a 'file'"
    here.write_bytes(b"of a path")
    sent: list[int] = []
    connection.push(
        [PushFile(str(there), b"content\0", 0o755), PushFile(f"{there}2", here)], sent.append
    )

    assert there.read_bytes() == connection.pull(str(there)) == b"content\0"
    assert there.stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "a 'file'2").read_bytes() == b"of a path"
    assert sum(sent) == len(b"content\0") + len(b"of a path")


@pytest.mark.parametrize("left", ["beginning", "other content", "all"])
def test_a_large_file_continues_behind_its_beginning(
    connection: SshTransport, tmp_path: Path, left: str
) -> None:
    content = os.urandom(RESUMED_BYTES + 5)
    there = tmp_path / "model.part"
    there.write_bytes(
        {"beginning": content[:700_000], "other content": b"x" * 9, "all": content}[left]
    )
    first: list[int] = []
    connection.push([PushFile(str(there), content)], first.append)

    assert there.read_bytes() == content
    expected = {"beginning": 700_000, "other content": 0, "all": len(content)}[left]
    assert first[0] == expected


def test_a_full_disk_and_a_missing_folder_are_errors(
    connection: SshTransport, tmp_path: Path
) -> None:
    with pytest.raises(DeviceFullError, match="No space left on device"):
        connection.push([PushFile("/dev/full", b"x" * 10_000_000)])
    with pytest.raises(DeviceError, match=r"does not take .*no/file"):
        connection.push([PushFile(str(tmp_path / "no/file"), b"x")])
    with pytest.raises(DeviceError, match=r"does not give .*No such file"):
        connection.pull(str(tmp_path / "missing"))


def test_an_alias_of_the_configuration_is_an_address(server: SshServer) -> None:
    with closing(connect(server, SshAddress.parse(f"ssh:{ALIAS}"))) as connection:
        assert connection.run(["echo", "hi"]).text == "hi"


def test_a_cut_connection_is_lost_and_comes_back(
    server: SshServer, connection: SshTransport
) -> None:
    with connection.start(["cat"]) as process:
        server.cut()
        with pytest.raises(DeviceLostError, match="broke"):
            process.read_line(10.0)
    with pytest.raises(DeviceLostError):
        connection.run(["true"])
    connection.reconnect()

    assert connection.run(["echo", "back"]).text == "back"


def test_a_closed_connection_can_be_closed_again_and_reconnected(server: SshServer) -> None:
    connection = connect(server)
    connection.close()
    connection.close()
    with pytest.raises(DeviceLostError, match="is closed"):
        connection.run(["true"])
    connection.reconnect()

    assert connection.run(["true"]).status == 0
    connection.close()


def test_reconnecting_waits_for_a_server_that_restarts(ssh_server: SshServer) -> None:
    pauses: list[float] = []

    def restart_at_third_pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            ssh_server.start()

    with closing(
        SshTransport.connect(
            ssh_server.address,
            config=ssh_server.config,
            timeouts=QUICK,
            sleep=restart_at_third_pause,
        )
    ) as connection:
        ssh_server.stop()
        connection.reconnect()

        assert connection.run(["true"]).status == 0
    assert len(pauses) == 3
    assert pauses[0] < pauses[1] < pauses[2]


def test_reconnecting_gives_up_at_its_limit_or_where_a_person_must_act(
    ssh_server: SshServer,
) -> None:
    timeouts = SshTimeouts(reconnect_s=0.0)
    with closing(
        SshTransport.connect(ssh_server.address, config=ssh_server.config, timeouts=timeouts)
    ) as connection:
        ssh_server.new_host_key()
        ssh_server.stop()
        with pytest.raises(DeviceError, match=r"did not come back within 0 s: .*refuses"):
            connection.reconnect()
        ssh_server.start()
        with pytest.raises(UnauthorizedError, match="another machine may answer"):
            connection.reconnect()


def test_an_unknown_host_is_refused_whatever_the_configuration_says(
    ssh_server: SshServer,
) -> None:
    ssh_server.known_hosts.write_text("")
    with ssh_server.config.open("a") as config:
        config.write("StrictHostKeyChecking no\nNoHostAuthenticationForLocalhost yes\n")

    with pytest.raises(UnauthorizedError, match=r"is not known yet: run `ssh -F \S+ -p \d+ "):
        connect(ssh_server)
    assert ssh_server.known_hosts.read_text() == ""


def test_a_refused_key_is_reported(ssh_server: SshServer) -> None:
    (ssh_server.folder / "authorized_keys").write_text("")

    with pytest.raises(UnauthorizedError, match=r"your key \(it accepts publickey\)"):
        connect(ssh_server)


@pytest.mark.parametrize(
    ("program", "message"),
    [("exec sleep 30", r"did not finish the login within 0\.3 s"), ("exit 255", "no reason")],
)
def test_a_client_that_says_nothing_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, message: str
) -> None:
    client = tmp_path / "ssh"
    client.write_text(f"#!/bin/sh\n{program}\n")
    client.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(DeviceError, match=message):
        SshTransport.connect(SshAddress("board"), timeouts=SshTimeouts(login_s=0.3))


def test_a_wrong_configuration_is_reported(ssh_server: SshServer) -> None:
    ssh_server.config.write_text("Nonsense yes\n")

    with pytest.raises(InputError, match="Bad configuration option: nonsense"):
        connect(ssh_server)


def test_settings_that_change_a_session_do_not_matter(ssh_server: SshServer) -> None:
    with ssh_server.config.open("a") as config:
        config.write("RequestTTY force\nRemoteCommand id\nLogLevel DEBUG\nForwardAgent yes\n")
    with closing(connect(ssh_server)) as connection:
        result = connection.run(["sh", "-c", "tty; echo $SSH_AUTH_SOCK"])

    assert result.text == "not a tty"


def test_without_a_client_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(MissingRuntimeError, match="apt-get install openssh-client"):
        SshTransport.connect(SshAddress("board"))


@pytest.mark.parametrize(
    ("shell", "message"),
    [
        ('echo "Welcome!"; sh -c "$SSH_ORIGINAL_COMMAND"', r"start-up files .* print 'Welcome!'"),
        # As fish reads two backslashes between quotes.
        (
            r"""sh -c "$(echo "$SSH_ORIGINAL_COMMAND" | sed 's/\\\\\\\\/\\\\/g')" """,
            "does not follow POSIX",
        ),
        ("echo \"Unmatched '''.\" >&2; exit 1", "does not follow POSIX"),
        ("echo 'This account is not available.'; exit 1", "runs no commands, it prints 'This acc"),
    ],
)
def test_a_shell_that_cannot_be_used_is_reported(tmp_path: Path, shell: str, message: str) -> None:
    script = tmp_path / "shell"
    script.write_text(f"#!/bin/sh\n{shell}\n")
    script.chmod(0o755)
    try:
        with (
            SshServer(tmp_path / "ssh", ServerOptions(shell=str(script))) as server,
            pytest.raises(DeviceError, match=message),
        ):
            connect(server)
    except NoServerError as why:
        pytest.skip(f"no SSH server: {why}")


def test_a_session_never_makes_a_connection_of_its_own(tmp_path: Path) -> None:
    command = session_command(tmp_path / "socket", ["true"])

    assert "ProxyCommand=false" in command
    assert "BatchMode=yes" in command


def test_a_key_of_an_agent_is_enough(
    ssh_server: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("ssh-agent") is None or shutil.which("ssh-add") is None:
        pytest.skip("no SSH agent is installed")
    key = ssh_server.folder / "user_key"
    with tempfile.TemporaryDirectory() as folder:  # a socket's path is 107 bytes at most
        monkeypatch.setenv("SSH_AUTH_SOCK", f"{folder}/agent")
        agent = subprocess.Popen(
            ["ssh-agent", "-D", "-a", f"{folder}/agent"], stdout=subprocess.PIPE
        )
        with agent:
            assert agent.stdout is not None
            agent.stdout.readline()  # it listens
            try:
                subprocess.run(["ssh-add", "-q", str(key)], check=True)
                key.unlink()
                text = ssh_server.config.read_text()
                ssh_server.config.write_text(text.replace("IdentitiesOnly yes", ""))
                with closing(connect(ssh_server)) as connection:
                    assert connection.run(["true"]).status == 0
            finally:
                agent.terminate()


def test_a_machine_behind_a_jump_host_is_reached(server: SshServer, ssh_server: SshServer) -> None:
    """`far` has the second server's port, which the first one forwards to."""
    config = ssh_server.folder / "jump_config"
    config.write_text(
        f"Host far\n  HostName 127.0.0.1\n  Port {ssh_server.port}\n  ProxyJump {ALIAS}\n"
        f"  UserKnownHostsFile {ssh_server.known_hosts}\n"
        f"  IdentityFile {ssh_server.folder}/user_key\n{server.config.read_text()}"
    )
    with closing(SshTransport.connect(SshAddress("far"), config=config, timeouts=QUICK)) as far:
        assert far.run(["sh", "-c", "echo $HOME"]).text == str(ssh_server.home)
        sshd = str(ssh_server.port)
        assert far.run(["sh", "-c", "echo ${SSH_CONNECTION##* }"]).text == sshd


def test_an_unknown_jump_host_is_refused(server: SshServer, ssh_server: SshServer) -> None:
    server_unknown = ssh_server.folder / "jump_config"
    server_unknown.write_text(
        f"Host far\n  HostName 127.0.0.1\n  Port {ssh_server.port}\n  ProxyJump {ALIAS}\n"
        + server.config.read_text().replace(str(server.known_hosts), "/dev/null")
    )
    with pytest.raises(DeviceError, match="host key of ssh:far is not known yet"):
        SshTransport.connect(SshAddress("far"), config=server_unknown, timeouts=QUICK)


def test_a_host_in_another_network_namespace_is_reached(ssh_server: SshServer) -> None:
    """The host has no network that this machine shares: a program carries the connection."""
    if shutil.which("unshare") is None or os.geteuid() != 0:
        pytest.skip("another network namespace for an SSH server needs root and unshare")
    namespace = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", "echo up; exec cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with namespace:
        assert namespace.stdin is not None
        assert namespace.stdout is not None
        try:
            if namespace.stdout.readline() != b"up\n":
                pytest.skip("this system allows no other network namespace")
            sshd = f"{shutil.which('sshd', path='/usr/sbin:/usr/bin')} -i -f"
            config = ssh_server.folder / "namespace_config"
            config.write_text(
                "Host inside\n  HostName 127.0.0.1\n  Port "
                f"{ssh_server.port}\n  ProxyCommand nsenter --target={namespace.pid} --net {sshd} "
                f"{ssh_server.folder}/sshd_config\n{ssh_server.config.read_text()}"
            )
            address = SshAddress("inside")
            with closing(SshTransport.connect(address, config=config, timeouts=QUICK)) as inside:
                there = inside.run(["readlink", "/proc/self/ns/net"]).text
        finally:
            namespace.stdin.close()

    assert there != str(Path("/proc/self/ns/net").readlink())
