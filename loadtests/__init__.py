"""What the load side says and needs, pure of any network: events, scenario, plan, target, run folder, launcher."""
