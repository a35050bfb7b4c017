"""What shoppers did after an alert: which of their events answer which decision."""
