"""Pictures made to be taken away: stills in a wanted size, colour space and format, and contact sheets on paper."""
