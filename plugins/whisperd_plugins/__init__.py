"""The key exchanges and ratchets that come with whisperd, written as a third party would write them."""
