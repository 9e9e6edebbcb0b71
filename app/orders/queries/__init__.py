"""What pages and other rooms read about baskets, purchases and sales."""
