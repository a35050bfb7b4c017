"""What watches a deployment, made of the catalogue of metrics: `python -m deploy` writes it, a test compares.

queries.py           series of the catalogue, in the languages of Prometheus and of Datadog
panels.py            what the dashboards show
objectives.py        what is promised, and how fast the budget for less is used up
alerts.py            what wakes or tells somebody, and the first three things to do; in three parts, of alert.py
prometheus_rules.py  prometheus/rules.yml
grafana.py           grafana/dashboard.json
datadog.py           datadog/dashboard.json and datadog/monitors.json
pages.py             docs/metrics.md, and the alerts in docs/operating.md
"""
