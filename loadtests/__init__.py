"""The load side but for the swarm itself: events, scenario, plan, target, run folder, launcher."""
