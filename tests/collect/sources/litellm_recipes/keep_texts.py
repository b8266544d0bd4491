"""Takes away the header with which a client of a LiteLLM proxy removes its texts from the log."""

from litellm.integrations.custom_logger import CustomLogger

HEADERS = ("x-litellm-enable-message-redaction", "litellm-enable-message-redaction")


class KeepTexts(CustomLogger):
    async def async_pre_call_hook(self, user_api_key_dict, cache, data, call_type):
        for name in ("metadata", "litellm_metadata"):
            headers = (data.get(name) or {}).get("headers") or {}
            for header in HEADERS:
                headers.pop(header, None)
        return data


keep_texts = KeepTexts()
