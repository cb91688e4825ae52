"""Rules for Prometheus: what to be woken for, from the metrics that a gateway tells."""

from __future__ import annotations

__all__ = ["RULES"]

RULES = """\
# Alerting rules for Prometheus, of calibrant: `calibrant watch --rules > calibrant-rules.yml`
groups:
  - name: calibrant
    rules:
      - alert: CalibrantClaimsUntrue
        expr: max by (task, domain, model, map) (calibrant_watch_alarm) == 1
        labels:
          severity: page
        annotations:
          summary: "{{ $labels.task }} {{ $labels.domain }}: probabilities have come apart from verdicts"
          description: >-
            Model {{ $labels.model }}, map {{ $labels.map }}. However often one looks, the alarm is false with a chance
            of at most alpha. See calibrant watch STORE.
      - alert: CalibrantClaimsSuspect
        expr: >-
          max by (task, domain, model, map) (calibrant_watch_log10_evidence) > 1
          unless max by (task, domain, model, map) (calibrant_watch_alarm) == 1
        for: 1h
        labels:
          severity: info
        annotations:
          summary: "{{ $labels.task }} {{ $labels.domain }}: evidence of 10 against its probabilities, and no alarm yet"
      - alert: CalibrantNobodyWatches
        expr: >-
          absent(calibrant_watch_seen_timestamp_seconds)
          or time() - max(calibrant_watch_seen_timestamp_seconds) > 600
        for: 5m
        labels:
          severity: ticket
        annotations:
          summary: "No gateway has looked at its store for ten minutes, so no alarm can be raised"
      - alert: CalibrantNoProbability
        expr: >-
          sum by (task) (rate(calibrant_answers_without_probability_total[1h]))
          > 0.2 * sum by (task) (rate(calibrant_answers_total[1h]))
        for: 30m
        labels:
          severity: ticket
        annotations:
          summary: "{{ $labels.task }}: a fifth of the answers have no probability"
      - alert: CalibrantStoreAway
        expr: max(calibrant_store_away) == 1
        for: 5m
        labels:
          severity: page
        annotations:
          summary: "The store is away: records wait in the spool, or answers fail"
      - alert: CalibrantUpstreamFails
        expr: >-
          sum by (model) (rate(calibrant_upstream_errors_total[10m]))
          > 0.1 * sum by (model) (rate(calibrant_upstream_requests_total[10m]))
        for: 10m
        labels:
          severity: ticket
        annotations:
          summary: "{{ $labels.model }}: one call in ten fails"
"""
