"""The page in the browser: one file a tab, each a thin skin over what the commands use."""
