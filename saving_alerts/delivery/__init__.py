"""At-least-once, in one place: the only code that knows offsets."""
