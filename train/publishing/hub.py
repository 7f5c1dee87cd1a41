"""Pushing a folder to the hub, with huggingface_hub's own client: it asks HF_ENDPOINT, and takes HF_TOKEN."""

from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError

from train.publishing.folders import Unpublishable


def push(folder: Path, name: str, kind: str, private: bool, api: HfApi | None = None) -> str:
    """Push all of ``folder``, and take away what the hub has beside it; the address of the commit.

    ``kind`` is model, dataset or space. Raises Unpublishable in words.
    """
    api = api or HfApi()
    sdk = "gradio" if kind == "space" else None
    try:
        api.create_repo(name, repo_type=kind, private=private, exist_ok=True, space_sdk=sdk)
        done = api.upload_folder(
            repo_id=name, folder_path=folder, repo_type=kind, commit_message="Publish", delete_patterns="*"
        )
    except (HfHubHTTPError, HFValidationError, LocalTokenNotFoundError) as error:
        raise Unpublishable(f"The hub did not take {name}: check the name and HF_TOKEN. It said: {error}") from None
    except OSError as error:
        raise Unpublishable(f"The hub cannot be reached ({type(error).__name__}): check the network.") from None
    return f"{done.commit_url}  (pin it: {name}@{done.oid})"
