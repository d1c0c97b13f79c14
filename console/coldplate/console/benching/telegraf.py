"""A peer to compare the agent with: Telegraf, which reads a node's controller and a CDU once a second into the same Kafka.

Its Redfish input reads a chassis with a temperature and a power reading a GPU, its Modbus input a CDU's registers, from
servers in this process that answer at once. That is less than the agent reads, and nothing of NVML: Telegraf's input for
it starts nvidia-smi, which is not to be had without a driver.
"""

import json
import shutil
import socketserver
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from coldplate.console.stack.cache import Cache

TOPIC = "telegraf"
REGISTERS = 40

BUILD = (
    "GOBIN={folder} GOFLAGS=-buildvcs=false go install -tags"
    " custom,inputs.redfish,inputs.modbus,outputs.kafka,serializers.json,parsers.json"
    " github.com/influxdata/telegraf/cmd/telegraf@latest"
)
"""Makes the program (45 s on two cores); its tags leave out everything else that Telegraf can."""

_CONFIG = """
[agent]
  interval = "1s"
  flush_interval = "1s"
  omit_hostname = true
[[inputs.redfish]]
  address = "{redfish}"
  username = "reader"
  password = "reader"
  computer_system_id = "node"
  include_metrics = ["thermal", "power"]
[[inputs.modbus]]
  name = "cdu"
  slave_id = 1
  controller = "tcp://{modbus}"
  configuration_type = "register"
  holding_registers = [
{registers}
  ]
[[outputs.kafka]]
  brokers = ["{kafka}"]
  topic = "{topic}"
  compression_codec = 4
  required_acks = -1
  data_format = "json"
"""


def peers_folder() -> Path:
    """Where programs to compare with are kept."""
    return Cache.default().root / "peers"


def build_command() -> str:
    """How to make the program, for a shell."""
    return BUILD.format(folder=peers_folder())


def program() -> Path | None:
    """The program; None when it was not made yet."""
    kept = peers_folder() / "telegraf"
    found = str(kept) if kept.is_file() else shutil.which("telegraf")
    return Path(found) if found else None


@contextmanager
def running(binary: Path, folder: Path, kafka: str, gpus: int) -> Iterator[subprocess.Popen[bytes]]:
    """Telegraf between two servers of this process and Kafka; its log is `folder`/telegraf.log."""
    with _serving(_redfish(gpus)) as redfish, _serving(_modbus()) as modbus:
        registers = "\n".join(
            f'    {{ name = "register_{i}", byte_order = "AB", data_type = "FIXED", scale = 0.1, address = [{i}] }},'
            for i in range(REGISTERS)
        )
        text = _CONFIG.format(
            redfish=f"http://{redfish}", modbus=modbus, registers=registers, kafka=kafka, topic=TOPIC
        )  # fmt: skip
        config = folder / "telegraf.conf"
        config.write_text(text, "utf-8")
        with (folder / "telegraf.log").open("wb") as log:
            process = subprocess.Popen(
                (str(binary), "--config", str(config)), stdout=log, stderr=log
            )
            try:
                yield process
            finally:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


@contextmanager
def _serving(server: socketserver.TCPServer) -> Iterator[str]:
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    try:
        host, port = server.socket.getsockname()
        yield f"{host}:{port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _redfish(gpus: int) -> ThreadingHTTPServer:
    """A system, its chassis, and a temperature and a power reading a GPU."""
    at = "/redfish/v1/Chassis/hgx"
    health = {"State": "Enabled", "Health": "OK"}
    temperatures = [
        {"Name": f"GPU {i}", "MemberID": str(i), "ReadingCelsius": 55.0 + i, "Status": health}
        for i in range(gpus)
    ]
    powers = [
        {"Name": f"GPU {i}", "MemberID": str(i), "PowerConsumedWatts": 600.0 + i} for i in range(gpus)
    ]  # fmt: skip
    tree: dict[str, Any] = {
        "/redfish/v1/Systems/node": {"Links": {"Chassis": [{"@odata.id": at}]}},
        at: {"Power": {"@odata.id": f"{at}/Power"}, "Thermal": {"@odata.id": f"{at}/Thermal"}},
        f"{at}/Thermal": {"Fans": [], "Temperatures": temperatures},
        f"{at}/Power": {"PowerControl": powers},
    }

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            found = tree.get(self.path)
            body = json.dumps(found or {}).encode()
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    return server


def _modbus() -> socketserver.ThreadingTCPServer:
    """Answers every reading of registers (function 3) with their own numbers."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while len(head := self.rfile.read(7)) == 7:
                transaction, _, length, unit = struct.unpack(">HHHB", head)
                function, first, count = struct.unpack(">BHH", self.rfile.read(length - 1)[:5])
                values = struct.pack(f">{count}H", *range(first, first + count))
                body = struct.pack(">BBB", unit, function, len(values)) + values
                self.wfile.write(struct.pack(">HHH", transaction, 0, len(body)) + body)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = daemon_threads = True

    return Server(("127.0.0.1", 0), Handler)
