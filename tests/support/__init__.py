"""What the tests stand on: real servers, a movable clock, makers of rows."""
