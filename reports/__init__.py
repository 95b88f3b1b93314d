"""From a run's evidence to its ledger, and from the ledger to summary, verdict, figures and pages."""
