"""Tables in the formats of others: OFA and ProxylessNAS, TF-NAS, FBNet."""
