"""What every process agrees on. Imports protobuf, pydantic, numpy and the standard library only."""
