"""The question that tells a broker that serves from one that starts, and from somebody else on its port."""

import socket
import struct
import threading

import pytest

from presence.broker.probe import CORRELATION_ID, Answer, NotKafka, ask, metadata_request, parse_metadata

HOST = "127.0.0.1"


def answer(brokers: int = 1, correlation_id: int = CORRELATION_ID) -> bytes:
    broker = struct.pack(">ih9sih", 1, 9, b"127.0.0.1", 24_817, -1)
    return (
        struct.pack(">iii", correlation_id, 0, brokers)
        + broker * brokers
        + struct.pack(">h7sii", 7, b"cluster", 1, 0)
    )


def test_the_request_is_the_one_of_the_protocol_guide() -> None:
    request = metadata_request()
    (length,) = struct.unpack_from(">i", request)
    assert length == len(request) - 4
    # Key 3, version 4, correlation id 7, client id, no topics, and none to be created.
    assert request[4:] == bytes.fromhex("0003 0004 00000007 000e") + b"presence-probe" + bytes(5)


@pytest.mark.parametrize("brokers", [0, 1, 3])
def test_an_answer_names_the_cluster_and_counts_the_brokers(brokers: int) -> None:
    assert parse_metadata(answer(brokers)) == Answer(cluster_id="cluster", brokers=brokers)


@pytest.mark.parametrize("length", range(12 + 4 + 2 + 9 + 4 + 2 + 2 + 7))
def test_an_answer_that_is_cut_short_is_refused(length: int) -> None:
    with pytest.raises(NotKafka):
        parse_metadata(answer()[:length])


def test_the_answer_to_another_question_is_refused() -> None:
    with pytest.raises(NotKafka, match="another question"):
        parse_metadata(answer(correlation_id=8))


def test_nobody_there_is_no_answer() -> None:
    with socket.socket() as closed:
        closed.bind((HOST, 0))
        assert ask(HOST, closed.getsockname()[1], timeout_s=1) is None


def test_a_silent_listener_is_no_answer() -> None:
    with socket.create_server((HOST, 0)) as silent:
        assert ask(HOST, silent.getsockname()[1], timeout_s=0.05) is None


def test_a_web_server_is_not_kafka() -> None:
    with socket.create_server((HOST, 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(NotKafka, match="bytes"):
            ask(HOST, server.getsockname()[1], timeout_s=5)
        thread.join()
