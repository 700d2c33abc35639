"""Agent frameworks as they are: what each tells of its run becomes an answer that `streamsvc.client` publishes."""
