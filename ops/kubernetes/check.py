#!/usr/bin/env python3
"""Checks the manifests of a Kustomize base against the published schemas of Kubernetes and KEDA.

The schemas come with the packages kubernetes-validate and cloudcoil.models.keda (ops/schemas.sh). Prints a sentence for
each thing that is wrong, and exits with 1 when there was any.
"""

import pathlib
import sys

import kubernetes_validate
import yaml
from cloudcoil.models.keda import v1alpha1 as keda

VERSION = "1.30"
KEDA_KINDS = {"ScaledObject": keda.ScaledObject, "TriggerAuthentication": keda.TriggerAuthentication}


def unknown(given, read, place):
    """Members of what is given that the model did not read: it skips those it does not know."""
    if isinstance(given, dict) and isinstance(read, dict):
        for key, value in given.items():
            if key not in read:
                yield f"{place}.{key} is not in the schema"
            else:
                yield from unknown(value, read[key], f"{place}.{key}")
    elif isinstance(given, list) and isinstance(read, list):
        for index, (one, other) in enumerate(zip(given, read)):
            yield from unknown(one, other, f"{place}[{index}]")


def problems_of(document):
    kind = document.get("kind", "")
    if document.get("apiVersion", "").startswith("keda.sh/"):
        model = KEDA_KINDS.get(kind)
        if model is None:
            return [f"{kind} is no kind of KEDA that is used here"]
        try:
            read = model.model_validate(document).model_dump(by_alias=True, mode="json", exclude_unset=True)
        except ValueError as error:
            return [str(error)]
        return list(unknown(document, read, kind))
    try:
        kubernetes_validate.validate(document, VERSION, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [f"{'.'.join(map(str, error.path))}: {error.message}"]
    except kubernetes_validate.SchemaNotFoundError:
        return [f"there is no schema of {document.get('apiVersion')} {kind}"]
    return []


def references(documents):
    """What names something else has to name something that is there."""
    names = {(document["kind"], document["metadata"]["name"]) for document in documents}
    for document in documents:
        spec, name = document.get("spec", {}), document["metadata"]["name"]
        if document["kind"] == "ScaledObject":
            wanted = [("Deployment", spec["scaleTargetRef"]["name"])]
            wanted += [("TriggerAuthentication", trigger["authenticationRef"]["name"]) for trigger in spec["triggers"]]
            yield from (f"ScaledObject {name} names {kind} {target}, which is not there"
                        for kind, target in wanted if (kind, target) not in names)
        if document["kind"] == "Deployment":
            labels = spec["template"]["metadata"]["labels"]
            if any(labels.get(key) != value for key, value in spec["selector"]["matchLabels"].items()):
                yield f"Deployment {name} does not select its own pods"
        if document["kind"] == "Service":
            pods = [other["spec"]["template"]["metadata"]["labels"] for other in documents if other["kind"] == "Deployment"]
            if not any(all(pod.get(key) == value for key, value in spec["selector"].items()) for pod in pods):
                yield f"Service {name} selects no pods"


def main(folder):
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    found, documents = [], []
    files = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
    for name in sorted(files ^ set(kustomization["resources"])):
        found.append(f"{name} is in the folder or in the kustomization, not in both")
    for name in sorted(files & set(kustomization["resources"])):
        for document in yaml.safe_load_all((folder / name).read_text()):
            documents.append(document)
            found += [f"{name}: {problem}" for problem in problems_of(document)]
    found += references(documents)
    for problem in found:
        print(problem)
    print(f"{len(documents)} documents, {len(found)} problems")
    return 1 if found or not documents else 0


if __name__ == "__main__":
    default = pathlib.Path(__file__).parent / "base"
    sys.exit(main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default))
