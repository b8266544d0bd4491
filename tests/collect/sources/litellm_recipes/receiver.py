"""Appends what is posted to it to one file a day: JSON as lines, OTLP in protobuf as it comes."""

import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock

FOLDER = Path(os.environ.get("CALL_LOG_FOLDER", "call-log"))
PORT = int(os.environ.get("PORT", "4318"))
ONE_AT_A_TIME = Lock()


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        protobuf = self.headers["Content-Type"] == "application/x-protobuf"
        name = time.strftime("%Y-%m-%d", time.gmtime()) + (".pb" if protobuf else ".jsonl")
        with ONE_AT_A_TIME, (FOLDER / name).open("ab") as file:
            file.write(body if protobuf else body + b"\n")
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


FOLDER.mkdir(parents=True, exist_ok=True)
ThreadingHTTPServer(("127.0.0.1", PORT), Receiver).serve_forever()
