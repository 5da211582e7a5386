"""Environment variables through which a run talks to the notebook that it executes.

Paths of a machine travel here, outside the notebook, so that none of them is saved in it.
"""

RUN_FOLDER = "CRMLAB_RUN_FOLDER"
"""Where the run collects its outputs."""
KEY_FOLDER = "CRMLAB_KEY_FOLDER"
"""Where the secret key of customer codes lies."""
REPORT_NAME = "CRMLAB_REPORT_NAME"
"""The name under which the run knows the report; its files are named so."""
