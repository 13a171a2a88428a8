"""The contract: what the API looks like. Shapes only; ``resolvers`` says what can be asked."""
