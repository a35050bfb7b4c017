"""`saving-alerts merchants`: check, publish, accept and roll back the merchant directory."""
