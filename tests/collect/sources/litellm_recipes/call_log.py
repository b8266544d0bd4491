"""Writes every call of a LiteLLM proxy as one line of JSON, into one file for each day and process."""

import json
import os
import time
from pathlib import Path

from litellm.integrations.custom_logger import CustomLogger

FOLDER = Path(os.environ.get("CALL_LOG_FOLDER", "call-log"))


class CallLog(CustomLogger):
    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        self.append(kwargs.get("standard_logging_object"))

    async def async_log_failure_event(self, kwargs, response_obj, start_time, end_time):
        self.append(kwargs.get("standard_logging_object"))

    def append(self, payload):
        if payload is not None:
            FOLDER.mkdir(parents=True, exist_ok=True)
            name = f"{time.strftime('%Y-%m-%d', time.gmtime())}-{os.getpid()}.jsonl"
            with (FOLDER / name).open("a", encoding="utf-8") as file:
                file.write(json.dumps(payload, default=str) + "\n")


call_log = CallLog()
