"""What moves on a bench that lives in time: laser, temperature, triggers, lost frames; everything is off by default."""
