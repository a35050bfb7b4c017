"""How a rules file becomes rules, or a list of mistakes with their places."""
