"""Benchmarks of the service over real sockets, each beside a bare gRPC server measured in the same run."""
