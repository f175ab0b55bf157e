"""Keeping the tokens of stored associations alive: when to renew, who renews, and what a failure means.

``renewals`` does it, and ``sweep`` ahead of time for all that will end soon; ``schedule``, ``failures``, ``answers``
and ``limits`` say when, what and how often; ``keeper`` sees to it that what was given is stored.
"""
