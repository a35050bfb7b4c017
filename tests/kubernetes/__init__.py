"""The manifests of deploy/kubernetes/: valid for the API versions that they name, and true to the code."""
