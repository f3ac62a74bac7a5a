"""Makes the official client ask for pictures: what it sends is what ours is compared with.

    python3 openai_requests.py http://127.0.0.1:1234/v1 key organization project

Standard input is a JSON list of what to pass to `images.generate`, one object a request.
"""

import json
import sys

import openai


def main():
    base_url, key, organization, project = sys.argv[1:]
    client = openai.OpenAI(
        base_url=base_url, api_key=key, organization=organization, project=project, max_retries=0, timeout=10
    )
    for wanted in json.load(sys.stdin):
        client.images.generate(**wanted)
    client.models.list()


if __name__ == "__main__":
    main()
