"""AG-UI both ways: an agent's events become an answer to publish, and a job becomes a run that clients follow."""

from streamsvc.adapters.ag_ui.run import to_ag_ui as to_ag_ui
