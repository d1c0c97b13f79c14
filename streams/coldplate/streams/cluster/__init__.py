"""What no worker sees alone: causes that span the racks of several of them."""
