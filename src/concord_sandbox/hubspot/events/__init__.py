"""What HubSpot tells of by itself: pushed webhooks, and the Webhooks Journal."""
