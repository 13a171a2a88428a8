"""What works in the background: handlers, one for each type of job, and the machinery that runs them."""
