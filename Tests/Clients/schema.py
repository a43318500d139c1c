"""Asks everything /openapi.json promises, well and badly formed, and looks for answers it does not promise.

See harness.py for the arguments; there is one case. The document's examples name the model `demo`.
"""

import json
import os
import subprocess
import sys
import tempfile

import httpx
import jsonschema_rs

from harness import key, url

document = httpx.get(f"{url}/openapi.json").json()


def resolved(part):
    while "$ref" in part:
        found = document
        for word in part["$ref"].removeprefix("#/").split("/"):
            found = found[word]
        part = found
    return part


# Every example is one.
for path, operations in list(document["paths"].items()) + list(document["webhooks"].items()):
    for method, operation in operations.items():
        for answer in [*operation["responses"].values(), operation.get("requestBody", {})]:
            for media in resolved(answer).get("content", {}).values():
                schema = {**media["schema"], "components": document["components"]}
                for example in [one["value"] for one in media.get("examples", {}).values()] or [media["example"]]:
                    assert jsonschema_rs.is_valid(schema, example), (path, method, example)

# The first ids are those of jobs that have ended: who asks for their events is not kept waiting.
for _ in range(2):
    job = httpx.post(f"{url}/api/jobs", headers={"Authorization": f"Bearer {key}", "Prefer": "wait=30"}, timeout=60,
                     json={"model": "demo", "body": {"messages": [{"role": "user", "content": "Hello"}]}})
    assert job.json()["state"] == "succeeded", job.text

# Every example of a request works, but for the one that names a file nobody has uploaded.
for path, operations in document["paths"].items():
    for method, operation in operations.items():
        body = resolved(operation.get("requestBody", {})).get("content", {}).get("application/json", {})
        for example in [one["value"] for one in body.get("examples", {}).values()] or [body["example"]] if body else []:
            place = path.replace("{model}", "demo").replace("{id}", str(job.json()["id"]))
            answer = httpx.request(method, url + place, json=example, timeout=60,
                                   headers={"Authorization": f"Bearer {key}"})
            names_file = isinstance(example, dict) and "input_file_id" in example
            assert answer.status_code == 400 if names_file else answer.is_success, (path, example, answer.text)

# What would wait for minutes waits for a moment.
hooks = '''
import schemathesis


@schemathesis.hook
def map_query(context, query):
    if query and "wait" in query:
        query["wait"] = "1000" if "runsync" in context.operation.path else "0"
    return query


@schemathesis.hook
def map_headers(context, headers):
    if headers and "Prefer" in headers:
        headers["Prefer"] = "wait=0"
    return headers
'''

# `default` stands for whatever else may go wrong, so with it no status is a surprise. Without it, every one has to be named.
for operations in document["paths"].values():
    for operation in operations.values():
        operation["responses"].pop("default", None)

with tempfile.TemporaryDirectory() as folder:
    with open(f"{folder}/openapi.json", "w") as file:
        json.dump(document, file)
    with open(f"{folder}/hooks.py", "w") as file:
        file.write(hooks)
    checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance"
    done = subprocess.run(
        [os.path.join(os.path.dirname(sys.executable), "schemathesis"), "run", "openapi.json", "--url", url,
         "--header", f"Authorization: Bearer {key}", "--checks", checks, "--phases", "examples,coverage,fuzzing",
         "--max-examples", "12", "--seed", "7", "--request-timeout", "30", "--generation-database", "none", "--no-color"],
        cwd=folder, env=dict(os.environ, SCHEMATHESIS_HOOKS="hooks", PYTHONPATH=folder),
        capture_output=True, text=True)
    print(done.stdout[-20000:], done.stderr[-4000:])
sys.exit(done.returncode)
