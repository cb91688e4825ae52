"""What can be promised of a threshold: certificates exact in finite samples, and what revokes them."""
