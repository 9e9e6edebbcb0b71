"""The use cases of the sale: basket, placing, checkout, settling, delivery, reveal."""
