"""The local loop that a service is measured against: eager torch in a process of its own."""
